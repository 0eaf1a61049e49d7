import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

// Relative addresses: the same page is served by `flowglass serve`, under a path behind a proxy, and by app:// in Electron.
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  // Line breaks between words are spaces, as in HTML: the compiler's default drops them.
  plugins: [vue({ template: { compilerOptions: { whitespace: 'preserve' } } })],
  build: {
    outDir: '../dist/renderer',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
  },
  worker: { format: 'es' },
});
