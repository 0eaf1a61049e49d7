// flowglass(1), from the command line's own tables, in man(7).

/** Text that roff takes as it stands. */
const plain = (text) =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');

const option = ([name, { short, value, help }]) => {
  const word = (text) => `\\fB${plain(text)}\\fR`;
  const left = [...(short === undefined ? [] : [word(`-${short}`)]), word(`--${name}`)].join(', ');
  return `.TP\n${left}${value === undefined ? '' : ` \\fI${plain(value)}\\fR`}\n${plain(help)}`;
};

const section = (command) =>
  [
    `.SS "flowglass ${plain(command.name)} ${plain(command.usage).replaceAll('"', '\\(dq')}"`,
    `${plain(command.summary)}.`,
    ...(command.details ? ['.PP', plain(command.details.trim())] : []),
    ...Object.entries(command.options).map(option),
  ].join('\n');

/** The page; `date` as YYYY-MM-DD. */
export function manPage(commands, common, version, date) {
  return `.TH FLOWGLASS 1 "${date}" "flowglass ${version}" "User Commands"
.SH NAME
flowglass \\- see who this machine talks to, which process, and how slow it is
.SH SYNOPSIS
.B flowglass
.RI [ FILE ]
.br
.B flowglass
.I COMMAND
.RI [ OPTION ...]
.SH DESCRIPTION
Counts packets in the kernel and shows connections with their processes and latency. Without a command it opens the app, and
in it the capture file that is named. Recordings are pcapng files, which Wireshark, tshark and tcpdump read as well.
.SH COMMANDS
${commands.map(section).join('\n')}
.SH COMMON OPTIONS
${Object.entries(common).map(option).join('\n')}
.SH "EXIT STATUS"
0 done, 1 failed, 2 usage, 3 permission missing. Every failure is one line on standard error: what, where, what to do.
.SH ENVIRONMENT
.TP
.B FLOWGLASS_NODE
Node 20.19 or newer for the commands, where the one on PATH is older.
.TP
.B FLOWGLASS_HELPER
Another capture helper than the installed one.
.SH FILES
.TP
.I /usr/libexec/flowglass/flowglass\\-helper
The capture helper, the only privileged part. Members of the group
.B flowglass
may run it:
.B "adduser USER flowglass"
and a new login. Anybody else is asked for a password, by polkit.
.SH "SEE ALSO"
.BR wireshark (1),
.BR tcpdump (8),
.BR pkexec (1)
`;
}
