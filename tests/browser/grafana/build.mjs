// Bundle the page into one script and one style sheet: node build.mjs MODULES OUT
// MODULES is the node_modules that `npm ci` made, which need not lie beside this file.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const [modules, out] = process.argv.slice(2);
const { build } = createRequire(resolve(modules, 'any.js'))('esbuild');
const here = dirname(fileURLToPath(import.meta.url));
const pictures = join(modules, '@grafana/ui/dist/public/img/icons/unicons');
const icons = ['angle-down', 'angle-right', 'arrow-down', 'arrow-up', 'filter', 'info-circle', 'clock-nine', 'apps'];

// Grafana's editor of queries is half of everything, and nobody types here.
const withoutEditor = {
  name: 'without-editor',
  setup: (building) => {
    building.onResolve({ filter: /^monaco-editor|^@monaco-editor/ }, ({ path }) => ({ path, namespace: 'nothing' }));
    building.onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: 'module.exports = {};' }));
  },
};

await build({
  entryPoints: [join(here, 'src/page.tsx')],
  outfile: join(out, 'page.js'),
  bundle: true,
  minify: true,
  format: 'iife',
  target: 'chrome110',
  jsx: 'automatic',
  nodePaths: [modules],
  loader: { '.woff2': 'dataurl', '.svg': 'dataurl', '.ttf': 'empty' },
  plugins: [withoutEditor],
  define: {
    'process.env.NODE_ENV': '"production"',
    ICONS: JSON.stringify(Object.fromEntries(icons.map((name) => [name, readFileSync(join(pictures, `${name}.svg`), 'utf8')]))),
  },
  logLevel: 'error',
});
