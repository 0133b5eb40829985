/** A private PostgreSQL server in use. Ends with `close()` or `await using`. */
export interface EmbeddedDatabase extends AsyncDisposable {
  /** Always loopback. */
  readonly host: string;
  readonly port: number;
  /** A superuser of this server. */
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  /** Whether this call started the server; false: attached to a running one. */
  readonly started: boolean;
  /**
   * Lets go; the last user stops the server. Resolves when let go and, for the last user, when the
   * server has stopped. Calling it again returns the same end.
   */
  close(): Promise<void>;
}
