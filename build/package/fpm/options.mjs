// The part of fpm's command line that electron-builder 26 uses. Anything else is an error: an option that is silently
// passed over would be missing from a package that people install.
import { BuildError } from '../../tools.mjs';

/** Option → the member of the result that takes its one value. */
const VALUES = {
  '-s': 'from',
  '-t': 'to',
  '--architecture': 'architecture',
  '--name': 'name',
  '--version': 'version',
  '--iteration': 'iteration',
  '--description': 'description',
  '--maintainer': 'maintainer',
  '--vendor': 'vendor',
  '--url': 'url',
  '--license': 'license',
  '--category': 'category',
  '--package': 'package',
  '--before-install': 'beforeInstall',
  '--after-install': 'afterInstall',
  '--before-remove': 'beforeRemove',
  '--after-remove': 'afterRemove',
  '--deb-priority': 'priority',
  '--deb-compression': 'debCompression',
  '--rpm-compression': 'rpmCompression',
  '--rpm-os': 'rpmOs',
  '--rpm-summary': 'rpmSummary',
  '--log': 'log',
};
/** Option → the member that collects its values. */
const LISTS = {
  '-d': 'depends',
  '--depends': 'depends',
  '--deb-recommends': 'recommends',
  '--deb-suggests': 'suggests',
  '-x': 'exclude',
  '--exclude': 'exclude',
  '--rpm-rpmbuild-define': 'defines',
};
/** What they ask for is what we do anyway. */
const SWITCHES = new Set(['--force', '--debug', '--deb-no-default-config-files']);
const NEEDED = ['to', 'architecture', 'name', 'version', 'description', 'maintainer', 'package'];

/** `SOURCE=DESTINATION`; a source that ends in / means what is in it. */
function mapping(text) {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new BuildError(`fpm: ${text}: expected SOURCE=DESTINATION`);
  return { source: text.slice(0, at), destination: text.slice(at + 1) };
}

/** Reads the arguments; throws a BuildError on whatever is unknown, incomplete or given twice. */
export function readOptions(argv) {
  const options = { depends: [], recommends: [], suggests: [], exclude: [], defines: [], files: [] };
  for (let at = 0; at < argv.length; at++) {
    const equals = argv[at].startsWith('--') ? argv[at].indexOf('=') : -1;
    const name = equals < 0 ? argv[at] : argv[at].slice(0, equals);
    const value = () => {
      const given = equals < 0 ? argv[++at] : argv[at].slice(equals + 1);
      if (given === undefined) throw new BuildError(`fpm: ${name} needs a value`);
      return given;
    };
    if (SWITCHES.has(name)) continue;
    if (Object.hasOwn(VALUES, name)) {
      if (Object.hasOwn(options, VALUES[name])) throw new BuildError(`fpm: ${name} is given twice`);
      options[VALUES[name]] = value();
    } else if (Object.hasOwn(LISTS, name)) {
      options[LISTS[name]].push(value());
    } else if (argv[at].startsWith('-')) {
      throw new BuildError(`fpm: ${name}: unknown option; teach build/package/fpm what it means, with a test`);
    } else {
      options.files.push(mapping(argv[at]));
    }
  }
  const missing = NEEDED.filter((name) => !options[name]);
  if (missing.length > 0) throw new BuildError(`fpm: nothing says ${missing.join(', ')}`);
  if (options.from !== undefined && options.from !== 'dir') throw new BuildError(`fpm: -s ${options.from}: only dir is understood`); // prettier-ignore
  return options;
}

/** First line and the rest of a description, the rest as one paragraph. */
export function describe(description) {
  const [synopsis = '', ...rest] = description.split('\n');
  return { synopsis: synopsis.trim(), body: rest.join(' ').replace(/\s+/g, ' ').trim() };
}

/** Words in lines of at most `width` characters. */
export function wrap(text, width = 78) {
  const lines = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}
