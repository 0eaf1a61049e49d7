// An .rpm by rpmbuild.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { run } from '../../tools.mjs';
import { describe, wrap } from './options.mjs';

const SCRIPTS = { beforeInstall: 'pre', afterInstall: 'post', beforeRemove: 'preun', afterRemove: 'postun' };
/** Folders that belong to the system, not to us. */
const SYSTEM = /^(|opt|etc|usr(\/(bin|lib|libexec|share)(\/.*)?)?)$/;
const OURS = /(^|\/)(Flowglass|flowglass)(\/|$)/;

const quoted = (path) => `"/${path.replaceAll('"', '\\"')}"`;
/** Spec files read % as the beginning of a macro. */
const literal = (text) => text.replaceAll('%', '%%');

/** Our own folders, so that removing the package removes them. */
function folders(entries) {
  const found = new Set();
  for (const { path } of entries) {
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
      if (OURS.test(folder) || !SYSTEM.test(folder)) found.add(folder);
    }
  }
  return [...found].sort();
}

/** The text of the spec file. */
export function spec(entries, options) {
  const { synopsis, body } = describe(options.description);
  const head = [
    ['Name', options.name],
    ['Version', options.version.replaceAll('-', '~')],
    ['Release', options.iteration ?? 1],
    ['Summary', options.rpmSummary ?? synopsis],
    ['License', options.license],
    ['Vendor', options.vendor],
    ['Packager', options.maintainer],
    ['URL', options.url],
    ['AutoReqProv', 'no'],
    ...options.depends.map((name) => ['Requires', name]),
  ];
  const scripts = Object.entries(SCRIPTS).flatMap(([option, section]) =>
    options[option] ? [`%${section}`, literal(readFileSync(options[option], 'utf8'))] : [],
  );
  const files = entries.map(({ path, link, mode }) => link ? quoted(path) : `%attr(0${mode.toString(8)},root,root) ${quoted(path)}`); // prettier-ignore
  return [
    ...head.filter(([, value]) => value).map(([name, value]) => `${name}: ${literal(String(value))}`),
    '%description',
    ...wrap(literal(body || synopsis)),
    ...scripts,
    '%files',
    ...folders(entries).map((path) => `%dir %attr(0755,root,root) ${quoted(path)}`),
    ...files,
    '',
  ].join('\n');
}

/** Writes the package from the laid out tree; `work` is a folder for rpmbuild's own files. */
export function makeRpm(root, entries, options, output, work) {
  const file = join(work, 'package.spec');
  writeFileSync(file, spec(entries, options));
  mkdirSync(join(work, 'top'));
  const defines = {
    _topdir: join(work, 'top'),
    _rpmdir: dirname(output),
    _rpmfilename: basename(output),
    _binary_payload: 'w6.xzdio',
    __os_install_post: '%{nil}', // stripping and compiling of what is finished already
    _build_id_links: 'none',
    use_source_date_epoch_as_buildtime: 1,
    clamp_mtime_to_source_date_epoch: 1,
    _buildhost: 'flowglass',
  };
  const ours = Object.entries(defines).map(([name, value]) => `${name} ${value}`);
  const given = [...ours, ...options.defines].flatMap((define) => ['--define', define]);
  const target = `${options.architecture}-${options.rpmOs ?? 'linux'}`;
  run('rpmbuild', ['-bb', '--quiet', '--target', target, '--buildroot', root, ...given, file]);
}
