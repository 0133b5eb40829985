import program from '../../rolldown.config.mjs';

/** The programs of threads, which start as slowly as any program that is not bundled. */
export default {
  ...program,
  input: {
    'load-thread': 'dist/files/load-thread.js',
    'parquet-worker': 'dist/parquet/worker.js',
  },
};
