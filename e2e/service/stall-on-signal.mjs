// Loaded into a worker before anything else, by a test: SIGUSR2 stops its event loop for a while, as a
// regular expression or a parser gone wild would.
const STALL_MS = Number(process.env.TEST_STALL_MS);

process.on('SIGUSR2', () => {
  const until = performance.now() + STALL_MS;
  while (performance.now() < until);
});
