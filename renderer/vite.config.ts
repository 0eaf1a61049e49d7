import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import vue from '@vitejs/plugin-vue';
import { defineConfig, type Plugin } from 'vite';

/** Folders below node_modules of what went into the bundle: the lists of licences name exactly these. */
function listModules(): Plugin {
  const folders = new Set<string>();
  return {
    name: 'list-modules',
    generateBundle() {
      for (const id of this.getModuleIds()) {
        const folder = /node_modules\/(?:.*node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(id.split('?')[0] ?? '')?.[0];
        if (folder !== undefined) folders.add(folder);
      }
    },
    writeBundle() {
      writeFileSync(join(import.meta.dirname, '../dist/bundled-modules.json'), JSON.stringify([...folders].sort()));
    },
  };
}

// Relative addresses: the same page is served by `flowglass serve`, under a path behind a proxy, and by app:// in Electron.
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  // Line breaks between words are spaces, as in HTML: the compiler's default drops them.
  plugins: [vue({ template: { compilerOptions: { whitespace: 'preserve' } } }), listModules()],
  build: {
    outDir: '../dist/renderer',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
  },
  worker: { format: 'es' },
});
