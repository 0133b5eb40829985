/**
 * Tells of a fault once: while a server is away, the same one comes again and again.
 *
 * @param report gets the message of each fault that differs from the one before
 */
export function withoutRepeats(report: (message: string) => void): (error: unknown) => void {
  let last = '';
  return (error) => {
    const message = error instanceof Error ? error.message : String(error);
    if (message !== last) report(message);
    last = message;
  };
}
