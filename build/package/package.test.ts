import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bash, fish, zsh } from './completions.mjs';
import { components } from './components.mjs';
import { control } from './fpm/deb.mjs';
import { readOptions, wrap } from './fpm/options.mjs';
import { spec } from './fpm/rpm.mjs';
import { billOfMaterials, thirdParty } from './inventory.mjs';
import { manPage } from './man-page.mjs';
import { commandLine, release } from './stage.mjs';

const NEEDED = ['-s', 'dir', '-t', 'deb', '--architecture', 'amd64', '--name', 'n', '--version', '1.2', '--description', 'short\n a longer text', '--maintainer', 'M <m@example.org>', '--package', '/out.deb']; // prettier-ignore

describe('what electron-builder says to fpm', () => {
  it('is understood', () => {
    const options = readOptions([...NEEDED, '-d', 'a', '-d', 'b | c', '--force', '--deb-compression=xz', '-x', 'opt/x', 'some/dir/=/opt/N', 'file=/usr/share/file']); // prettier-ignore
    expect(options).toMatchObject({
      to: 'deb',
      depends: ['a', 'b | c'],
      exclude: ['opt/x'],
      debCompression: 'xz',
      files: [
        { source: 'some/dir/', destination: '/opt/N' },
        { source: 'file', destination: '/usr/share/file' },
      ],
    });
  });

  it.each([
    [[...NEEDED, '--deb-systemd', 'x'], /--deb-systemd: unknown option/],
    [[...NEEDED, '--version', '2'], /--version is given twice/],
    [[...NEEDED, '--depends'], /--depends needs a value/],
    [[...NEEDED, 'nowhere'], /nowhere: expected SOURCE=DESTINATION/],
    [NEEDED.slice(2, -2), /nothing says package/],
    [['-s', 'gem', ...NEEDED.slice(2)], /-s gem: only dir/],
  ])('is refused where we do not know what it means: %#', (argv, saying) => {
    expect(() => readOptions(argv)).toThrow(saying);
  });

  it('becomes a control file and a spec file', () => {
    const options = readOptions([...NEEDED, '-d', 'a', '--license', 'MIT', '--iteration', '3']);
    expect(control(options, 7)).toBe('Package: n\nVersion: 1.2-3\nArchitecture: amd64\nMaintainer: M <m@example.org>\nInstalled-Size: 7\nDepends: a\nSection: misc\nPriority: optional\nDescription: short\n a longer text\n'); // prettier-ignore
    const entries = [{ path: 'opt/Flowglass/100%', link: false, mode: 0o644 }, { path: 'usr/bin/n', link: true, mode: 0o755 }]; // prettier-ignore
    expect(spec(entries, options)).toContain('%files\n%dir %attr(0755,root,root) "/opt/Flowglass"\n%attr(0644,root,root) "/opt/Flowglass/100%"\n"/usr/bin/n"\n'); // prettier-ignore
    expect(wrap('a bb ccc dddd', 6)).toEqual(['a bb', 'ccc', 'dddd']);
  });
});

describe('made from the command line itself', () => {
  let folder: string;
  let line: Awaited<ReturnType<typeof commandLine>>;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'flowglass-completions-'));
    line = await commandLine();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const shell = (program: string, args: string[]): string => {
    const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', cwd: folder });
    expect([error?.message, status, stderr]).toEqual([undefined, 0, '']);
    return stdout;
  };
  /** What bash offers for the last word. */
  const offers = (...words: string[]): string[] => {
    const file = join(folder, 'flowglass.bash');
    writeFileSync(file, bash(line.commands, line.common));
    const script =
      'compopt() { :; }; . "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _flowglass; printf "%s\\n" "${COMPREPLY[@]}"';
    return shell('bash', ['-c', script, 'bash', file, 'flowglass', ...words])
      .split('\n')
      .filter((each) => each !== '');
  };

  it('bash completes commands, every option of each, choices, interfaces, files', () => {
    expect(offers('')).toEqual(
      expect.arrayContaining([...line.commands.map((each: { name: string }) => each.name), '--help']),
    );
    for (const { name, options } of line.commands)
      expect(offers(name, '--')).toEqual(expect.arrayContaining(Object.keys({ ...options, ...line.common }).map((each) => `--${each}`))); // prettier-ignore
    expect(offers('record', '--attach', 'tc')).toEqual(['tcx']);
    expect(offers('export', '--format', 'pa')).toEqual(['parquet']);
    expect(offers('record', '-i', 'l')).toContain('lo');
    writeFileSync(join(folder, 'my.pcapng'), '');
    expect(offers('summary', 'my')).toEqual(['my.pcapng']);
    expect(offers('nonsense', '--')).toEqual([]);
  });

  it('zsh and fish take theirs, and each names every option', () => {
    const files = { zsh: zsh(line.commands, line.common), fish: fish(line.commands, line.common) };
    for (const [program, text] of Object.entries(files)) {
      writeFileSync(join(folder, program), text);
      shell(program, ['-n', join(folder, program)]);
      for (const { name, options } of line.commands) {
        const own = text
          .split('\n')
          .filter((each) => program === 'zsh' || each.includes(`_from ${name}'`))
          .join('\n');
        for (const option of Object.keys(options)) expect(own, `${program} ${name}`).toContain(program === 'zsh' ? `--${option}[` : `-l ${option} `); // prettier-ignore
      }
    }
    const asked = `source ${join(folder, 'fish')}; complete -C 'flowglass export --format p'`;
    expect(shell('fish', ['--no-config', '-c', asked]).split('\n').map((each) => each.split('\t')[0])).toContain('parquet'); // prettier-ignore
  });

  it('the manual page names every command and option, and man finds no fault', () => {
    const page = manPage(line.commands, line.common, '1.2.3', '2026-11-25');
    writeFileSync(join(folder, 'flowglass.1'), page);
    const { stdout, stderr } = spawnSync('man', ['--warnings', '-l', join(folder, 'flowglass.1')], { encoding: 'utf8', env: { ...process.env, MANWIDTH: '200', LC_ALL: 'C.UTF-8' } }); // prettier-ignore
    expect(stderr).toBe('');
    for (const { name, options, summary } of line.commands) {
      expect(stdout).toContain(`flowglass ${name}`);
      expect(stdout.replace(/\s+/g, ' ')).toContain(summary);
      for (const option of Object.keys(options)) expect(stdout).toContain(`--${option}`);
    }
  });
});

describe('what of others is in a package', () => {
  const list = components();

  it('is every module that is loaded or bundled, every library of the helper, and Electron', () => {
    const names = list.map(({ name }) => name);
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(names).toEqual(
      expect.arrayContaining(['electron', 'vue', '@fontsource-variable/inter', 'libbpf', 'libelf']),
    );
    for (const [name, version] of Object.entries<string>(dependencies)) expect(names).toContain(/^npm:(.*)@/.exec(version)?.[1] ?? name); // prettier-ignore
    expect(names).not.toContain('vitest');
  });

  it('has a licence that a MIT program may be combined with, and is named with its text', () => {
    const fitting = ['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'Python-2.0', 'Apache-2.0', '0BSD', 'OFL-1.1', 'Zlib', 'LGPL-2.1-or-later', 'LGPL-2.1-only OR BSD-2-Clause', 'GPL-2.0-or-later OR LGPL-3.0-or-later']; // prettier-ignore
    for (const { name, licence } of list) expect(fitting, `${name}: ${licence}`).toContain(licence);
    const text = thirdParty(list);
    for (const { name, version } of list) expect(text).toContain(`${name} ${version}`);
  });

  it('is listed for machines as CycloneDX, the same each time', () => {
    const { seconds } = release();
    const bill = billOfMaterials('0.1.0', seconds);
    expect(billOfMaterials('0.1.0', seconds)).toBe(bill);
    const { bomFormat, specVersion, serialNumber, components: named } = JSON.parse(bill);
    expect([bomFormat, specVersion]).toEqual(['CycloneDX', '1.6']);
    expect(serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(named).toHaveLength(list.length);
    for (const { purl, licenses } of named) expect([purl.startsWith('pkg:'), licenses.length]).toEqual([true, 1]);
  });
});

it('one version everywhere: package.json, changelog, metainfo, helper', () => {
  const { version, changelog, seconds } = release();
  expect(changelog.startsWith(`flowglass (${version}) `)).toBe(true);
  expect(seconds).toBeGreaterThan(1.7e9);
  expect(readFileSync('build/linux/root/usr/share/metainfo/org.flowglass.Flowglass.metainfo.xml', 'utf8')).toContain(`<release version="${version}"`); // prettier-ignore
  expect(readFileSync('helper/helper.h', 'utf8')).toContain(`#define FLOWGLASS_VERSION "${version}"`);
});
