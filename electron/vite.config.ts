import { defineConfig } from 'vite';

// A sandboxed preload script is one CommonJS file that may require nothing but Electron.
export default defineConfig({
  root: import.meta.dirname,
  publicDir: false,
  build: {
    outDir: '../dist/electron',
    emptyOutDir: false,
    target: 'es2022',
    minify: false,
    lib: { entry: 'preload.ts', formats: ['cjs'], fileName: () => 'preload.cjs' },
    rolldownOptions: { external: ['electron'] },
  },
});
