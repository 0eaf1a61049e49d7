/** What to try next, per kind of finding: where the cause is usually found. */
import type { FindingKind } from '../../core/contract/findings.ts';
import type { PlainKey } from '../language/language.ts';

export const ADVICE: Readonly<Record<FindingKind, readonly PlainKey[]>> = {
  retransmits: ['advice.link', 'advice.drops', 'advice.queue'],
  'rising-rtt': ['advice.transfer', 'advice.onlyPeer'],
  'slow-answers': ['advice.compareRtt', 'advice.peerDid'],
  'slow-reads': ['advice.processBusy'],
  'slow-reader': ['advice.processBusy', 'advice.largerBuffer'],
  'peer-stopped-reading': ['advice.peerSlower'],
  refused: ['advice.nothingListens'],
  resets: ['advice.lastPackets'],
  'no-answer': ['advice.firewalls'],
  dns: ['advice.askResolver', 'advice.otherResolvers'],
  'kernel-drops': ['advice.dropReason'],
  'listen-overflow': ['advice.acceptsSlowly', 'advice.longerQueue'],
  'lost-data': ['advice.recordLess', 'advice.totalsComplete'],
  'link-away': ['advice.kernelLog'],
};
