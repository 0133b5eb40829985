/** What somebody needs to know who has just started everything. */
export interface Welcome {
  readonly server: string;
  /** Whether the command finds the server without being told. */
  readonly isUsualServer: boolean;
  readonly hasWorker: boolean;
  /** Where the token is; never the token. */
  readonly token: string;
  readonly sources: readonly { readonly name: string; readonly folder: string }[];
}

export function welcomeText({ server, isUsualServer, hasWorker, token, sources }: Welcome): string {
  const [first] = sources;
  const lines = [`Copyline is up: ${server}`];
  const add = (label: string, text: string): void => {
    lines.push(`  ${label.padEnd(9)} ${text}`);
  };
  add('sign in', token);
  if (first === undefined) {
    add('files', 'no sources are configured: add a folder to `sources` in copyline.yaml');
  }
  for (const { name, folder } of sources) {
    add(
      name === first?.name ? 'files' : '',
      `${folder}/orders.csv is the source ${name}:orders.csv`,
    );
  }
  if (first !== undefined) {
    const variable = isUsualServer ? '' : `COPYLINE_SERVER=${server} `;
    add(
      'submit',
      `${variable}copyline submit ${first.name}:orders.csv --into sales.orders --create --wait`,
    );
  }
  if (!hasWorker) add('worker', 'none: loads wait until a worker comes');
  add('', 'Ctrl-C stops');
  return lines.join('\n');
}
