import preact from '@preact/preset-vite';
import { defineConfig } from 'vite';

export default defineConfig({
  // Relative: the folder can be served below any path.
  base: './',
  plugins: [preact()],
  build: {
    target: 'es2022',
    // The content security policy of the scheduler is `default-src 'self'`: nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // For work on the page: `npx vite` here, with a scheduler running beside it.
  server: { proxy: { '/api': 'http://127.0.0.1:8080', '/queues': 'http://127.0.0.1:8080' } },
});
