/** What a process runs when its executable does not say: the script of an interpreter, the image of an AppImage. */
import type { AppPackage } from './cgroup-path.ts';

/** How one interpreter's command line is read. */
interface Interpreter {
  readonly program: RegExp;
  /** Options that take the next argument with them. */
  readonly takes: ReadonlySet<string>;
  /** Options after which there is no script: the program stands on the command line or standard input. */
  readonly inline: ReadonlySet<string>;
  /** Options whose argument names what runs. */
  readonly names: ReadonlySet<string>;
}

const interpreter = (program: RegExp, takes: string, inline: string, names = ''): Interpreter => {
  const words = (text: string): Set<string> => new Set(text.split(' ').filter((word) => word !== ''));
  return { program, takes: words(takes), inline: words(inline), names: words(names) };
};

const INTERPRETERS: readonly Interpreter[] = [
  interpreter(/^(python|pypy)[\d.]*$/, '-W -X --check-hash-based-pycs', '-c -', '-m'),
  interpreter(/^(node|nodejs|MainThread)$/, '-r --require --import --loader --experimental-loader -C --conditions', '-e --eval -p --print -'), // prettier-ignore
  interpreter(/^perl[\d.]*$/, '', '-e -E -'),
  interpreter(/^ruby[\d.]*$/, '-r -I -C', '-e -'),
  interpreter(/^php[\d.]*$/, '-c -d -S -t -z', '-r -B -R -a', '-f -F'),
  interpreter(/^(ba|da|z|k|mk)?sh$/, '-o -O +o +O --rcfile --init-file', '-c -s'),
  interpreter(/^java$/, '-cp -classpath --class-path -p --module-path --add-modules --add-opens --add-exports --add-reads', '', '-jar -m --module'), // prettier-ignore
  interpreter(/^(dotnet|mono)$/, '--additionalprobingpath --fx-version', ''),
  interpreter(/^(lua|luajit|tclsh|wish|Rscript|gawk|pwsh)[\d.]*$/, '-l', '-e -'),
];

/**
 * The script that an interpreter runs (`foo.py` of `python3 -u /opt/foo.py --port 1`), the class or archive of a virtual
 * machine; null when it is no interpreter, or reads its program from elsewhere.
 */
export function scriptOf(exe: string, args: readonly string[]): string | null {
  const program = baseName(exe) || baseName(args[0] ?? '');
  const known = INTERPRETERS.find((each) => each.program.test(program));
  if (known === undefined) return null;
  for (let i = 1; i < args.length; i++) {
    const arg = args[i]!;
    if (known.inline.has(arg)) return null;
    if (known.names.has(arg)) return shortName(args[i + 1] ?? '');
    if (known.takes.has(arg)) i++;
    else if (arg !== '--' && !/^[-+]./.test(arg)) return shortName(arg);
  }
  return null;
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
const shortName = (path: string): string | null => baseName(path) || null;

/**
 * What an executable's path tells: a snap lies under /snap/NAME, an AppImage is mounted under a name that begins with up
 * to six letters of its own (the kernel's view has no more of it).
 */
export function packageOfExe(exe: string): AppPackage | null {
  const snap = /^(?:\/var\/lib\/snapd)?\/snap\/([^/]+)\/[^/]+\//.exec(exe)?.[1];
  if (snap !== undefined) return { kind: 'snap', name: snap };
  const image = /\/\.mount_([^/]{1,6}?)[^/]{6}\//.exec(exe)?.[1];
  if (image !== undefined) return { kind: 'appimage', name: image.replace(/[-_. ]+$/, '') || image };
  return null;
}
