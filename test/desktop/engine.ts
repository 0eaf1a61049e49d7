/** The real engine with as little of this machine as the contract suites need. */
import { Engine, type EngineOptions } from '../../core/engine/engine.ts';
import { LOOKUP } from '../../core/engine/machine.ts';
import { SESSION } from './contract.ts';

export function testEngine(over: Partial<EngineOptions> = {}): Engine {
  return new Engine({
    version: 'test',
    capture: () => ({ possible: false, reason: 'not here', command: 'sudo true', installable: false }),
    ...LOOKUP,
    recent: () => [],
    opened: () => undefined,
    newRecording: () => '/nonexistent/recording.pcapng',
    demo: SESSION,
    ...over,
  });
}
