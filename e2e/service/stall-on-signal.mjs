// Loaded into a worker before anything else, by a test: SIGUSR2 stops its event loop, as a regular
// expression or a parser gone wild would, until there is a file of that name.
import { existsSync } from 'node:fs';

const until = process.env.TEST_STALL_UNTIL;

process.on('SIGUSR2', () => {
  while (!existsSync(until));
});
