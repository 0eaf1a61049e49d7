import { LOG_WARNING } from '../core/abi/generated.ts';
import { Agent } from '../core/agent/agent.ts';
import { defaultConfig, readAgentConfig, type AgentConfig } from '../core/agent/config.ts';
import { parseListen } from '../core/streams/collector.ts';
import { FlowglassError } from '../core/errors.ts';
import { usageError, type Command, type Given } from './command.ts';
import { version } from './main.ts';
import { badValue } from './quantities.ts';
import { readSource, SOURCE_OPTIONS } from './source.ts';
import { failureLine, note, print, signalled } from './terminal.ts';

/** The configuration with what the command line says in its place. */
function configOf(given: Given): AgentConfig {
  const path = given.text('config');
  const config = path === undefined ? defaultConfig() : readAgentConfig(path);
  const listen = given.text('metrics');
  if (listen !== undefined && listen !== 'off' && parseListen(listen) === null)
    throw badValue('--metrics', listen, 'give HOST:PORT, [IPV6]:PORT or off');
  const filter = given.text('filter') ?? config.filter;
  const streams =
    given.has('json') && !config.streams.some(({ to }) => to === 'stdout')
      ? [...config.streams, { to: 'stdout' as const, events: ['closed' as const], queueMiB: 4 }]
      : config.streams;
  return {
    ...config,
    streams,
    ...(filter === undefined ? {} : { filter }),
    metrics: { ...config.metrics, ...(listen === undefined ? {} : { listen }) },
  };
}

/** Options of the source that the command line leaves out, from the configuration. */
function withConfig(given: Given, { interfaces, netns, attach }: AgentConfig): Given {
  const own = given.has('interface') || given.has('all');
  const place = given.has('netns') || given.has('container');
  const texts = (name: string): readonly string[] => {
    if (name === 'interface' && !own && Array.isArray(interfaces)) return interfaces;
    if (name === 'netns' && !place && netns !== undefined) return [netns].flat();
    return given.texts(name);
  };
  return {
    ...given,
    texts,
    has: (name) => given.has(name) || (name === 'all' && !own && interfaces === 'all'),
    text: (name) => given.text(name) ?? (name === 'attach' ? attach : undefined),
  };
}

/** On each SIGHUP the configuration is read again; one that is wrong leaves things as they are. */
function reloadOnHangUp(agent: Agent, given: Given): void {
  process.on('SIGHUP', () => {
    agent
      .reload(() => configOf(given))
      .then(
        () => note('warning', 'took the configuration again'),
        (error: unknown) => {
          if (!(error instanceof FlowglassError)) throw error;
          process.stderr.write(`${failureLine(error).trimEnd()}; what was in force stays\n`);
        },
      );
  });
}

export const command: Command = {
  name: 'agent',
  usage: '(-i IFACE[,IFACE…] | --all) [--metrics HOST:PORT] [--config FILE] [OPTION…]',
  summary: 'Watch without a page: metrics for Prometheus, events for syslog',
  details: `
Serves /metrics (Prometheus, OpenMetrics), /healthz and /readyz at --metrics (default 127.0.0.1:9477).
SIGHUP reads the configuration again. Ends by Ctrl-C or SIGTERM. See docs/agent.md.`,
  options: {
    ...SOURCE_OPTIONS,
    metrics: { value: 'HOST:PORT', help: 'where to serve metrics; off = nowhere' },
    config: { value: 'FILE', help: 'configuration in YAML (docs/agent.md)' },
    json: { help: 'one JSON line for each flow that ended, on standard output' },
    check: { help: 'only check the configuration' },
  },
  async run(given: Given): Promise<void> {
    const [extra] = given.positionals;
    if (extra !== undefined) throw usageError('unexpected argument', extra, 'see flowglass agent --help');
    const config = configOf(given);
    if (given.has('check')) return print('the configuration is right\n');
    const source = readSource(withConfig(given, config));
    const stop = signalled(['SIGINT', 'SIGTERM']);
    const agent = await Agent.start({
      version: version(),
      config,
      capture: { ...source, onLog: ({ level, text }) => note(level <= LOG_WARNING ? 'warning' : 'debug', text.trim()) },
      say: (text) => note('warning', text),
    });
    reloadOnHangUp(agent, given);
    const where = agent.metricsAddress === null ? 'no metrics' : `metrics at http://${agent.metricsAddress}/metrics`;
    note('warning', `watching ${agent.attached.map(({ name }) => name).join(', ')}, ${where}`);
    const ended = await Promise.race([stop.then(() => null), agent.ended.then((error) => ({ error }))]);
    await agent.stop();
    if (ended !== null)
      throw ended.error ?? new FlowglassError({ code: 'helper-ended', what: 'the capture helper ended by itself', where: 'flowglass-helper', hint: 'start the agent again' }); // prettier-ignore
  },
};
