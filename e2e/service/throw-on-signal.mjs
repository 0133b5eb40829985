// Loaded into a worker before anything else, by a test: SIGUSR2 is a fault that nobody catches, as a
// library's event handler or a forgotten promise would make, beside the jobs that are at work.
process.on('SIGUSR2', () => {
  const fault = new Error('planted fault');
  if (process.env.TEST_FAULT === 'exception') throw fault;
  void Promise.reject(fault);
});
