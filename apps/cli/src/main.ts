import { runCommandLine } from './run-command-line.ts';

// `copyline query … | head` closes the pipe early; that is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // An extract to the standard output listens itself: it has a COPY to end first.
  if (process.stdout.listenerCount('error') > 1) return;
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

await runCommandLine();
