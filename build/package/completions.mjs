// Completions for bash, zsh and fish, from the command line's own tables of options (cli/command.ts): a new option is
// completed without anybody thinking of it.

/** Names of values that are interfaces of this machine. */
const INTERFACE = /^IFACE/;
const LIST_INTERFACES = 'ls /sys/class/net';

/** Each option of a command as [name, spec], those of every command last. */
const optionsOf = (command, common) => Object.entries({ ...command.options, ...common });
const words = (name, { short }) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])];
const takesFile = ({ usage }) => /\bFILE\b/.test(usage);

/** In single quotes of any of the three shells. */
const shell = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
/** zsh's _arguments reads : [ ] within a description. */
const zshText = (text) => text.replaceAll(/[[\]:\\]/g, (character) => `\\${character}`);

function bashValue(spec) {
  if (INTERFACE.test(spec.value)) return `COMPREPLY=($(compgen -W "$(${LIST_INTERFACES})" -- "$word"))`;
  const { choices } = spec;
  if (choices) return `COMPREPLY=($(compgen -W ${shell(choices.join(' '))} -- "$word"))`;
  return 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$word"))';
}

/** The file for bash. */
export function bash(commands, common) {
  const cases = commands.flatMap((command) => {
    const options = optionsOf(command, common);
    const valued = options.filter(([, { value }]) => value !== undefined);
    return [
      `  ${command.name})`,
      '    case $before in',
      ...valued.map(([name, spec]) => `    ${words(name, spec).join(' | ')}) ${bashValue(spec)}; return ;;`),
      '    esac',
      `    options=${shell(options.flatMap(([name, spec]) => words(name, spec)).join(' '))}`,
      ...(takesFile(command) ? ['    files=1'] : []),
      '    ;;',
    ];
  });
  return `# bash completion for flowglass
_flowglass() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]} options= files=
  if [ "$COMP_CWORD" = 1 ]; then
    compopt -o filenames
    COMPREPLY=($(compgen -W ${shell(`${commands.map(({ name }) => name).join(' ')} --help --version`)} -- "$word") $(compgen -f -- "$word"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
  if [ -n "$files" ] && [ "\${word#-}" = "$word" ]; then
    compopt -o filenames
    COMPREPLY=($(compgen -f -- "$word"))
  else
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  fi
}
complete -F _flowglass flowglass
`;
}

function zshValue(spec) {
  if (spec.value === undefined) return '';
  if (INTERFACE.test(spec.value)) return `:${spec.value}:($(${LIST_INTERFACES}))`;
  const { choices } = spec;
  return `:${zshText(spec.value)}:${choices ? `(${choices.join(' ')})` : '_files'}`;
}

/** The file for zsh. */
export function zsh(commands, common) {
  const argument = (name, spec, word) => {
    const again = spec.multiple === true ? '*' : '';
    return shell(`${again}${word}[${zshText(spec.help)}]${zshValue(spec)}`);
  };
  const cases = commands.map((command) => {
    const options = optionsOf(command, common).flatMap(([name, spec]) => words(name, spec).map((word) => argument(name, spec, word))); // prettier-ignore
    const file = takesFile(command) ? [`'*:file:_files'`] : [];
    return `    ${command.name}) _arguments \\\n      ${[...options, ...file].join(' \\\n      ')} ;;`;
  });
  const list = commands.map(({ name, summary }) => `    ${shell(`${name}:${zshText(summary)}`)}`);
  return `#compdef flowglass
_flowglass() {
  local -a commands=(
${list.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    _files
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${cases.join('\n')}
  esac
}
_flowglass "$@"
`;
}

function fishOption(command, name, spec) {
  const short = spec.short === undefined ? '' : ` -s ${spec.short}`;
  const value = spec.value === undefined ? '' : ' -r';
  const choices = INTERFACE.test(spec.value ?? '') ? `(${LIST_INTERFACES})` : spec.choices?.join(' ');
  const offered = choices === undefined ? '' : ` -f -a ${shell(choices)}`;
  return `complete -c flowglass -n ${shell(`__fish_seen_subcommand_from ${command.name}`)} -l ${name}${short}${value}${offered} -d ${shell(spec.help)}`;
}

/** The file for fish. */
export function fish(commands, common) {
  const names = commands.map(({ name }) => name).join(' ');
  const lines = commands.flatMap((command) => [
    `complete -c flowglass -n ${shell(`not __fish_seen_subcommand_from ${names}`)} -a ${command.name} -d ${shell(command.summary)}`,
    ...optionsOf(command, common).map(([name, spec]) => fishOption(command, name, spec)),
  ]);
  return `# fish completion for flowglass\n${lines.join('\n')}\n`;
}
