/** What to try next, per kind of finding: where the cause is usually found. */
import type { FindingKind } from '../../core/contract/findings.ts';

const ADVICE: Readonly<Record<FindingKind, readonly string[]>> = {
  retransmits: [
    'See whether other peers on the same interface lose packets too: then it is the link, not the peer',
    'Look for kernel drops of the same flows',
    'Compare the round trip before and after: a queue that fills raises it first',
  ],
  'rising-rtt': [
    'See whether a large transfer on the same interface began at that time',
    'See whether only this peer became slower: then it is its path or the peer itself',
  ],
  'slow-answers': [
    'Compare with the round trip: if that stayed, the network is fine and the peer took the time',
    'Look at what the peer did at that time',
  ],
  'slow-reads': ['See whether the process was busy, or waited for something else, at that time'],
  'slow-reader': [
    'See whether the process was busy or waiting for something else at that time',
    'A larger receive buffer helps with bursts only (net.ipv4.tcp_rmem, SO_RCVBUF)',
  ],
  'peer-stopped-reading': ['The peer took data more slowly than it was sent: look at the peer'],
  refused: ['Nothing listens on that port there: check the address, the port, and whether the service runs'],
  resets: ['Look at the last packets of a connection: who reset it, and after what'],
  'no-answer': ['Check the address, and firewalls on the way: a packet filter that drops answers nothing'],
  dns: ['Ask the resolver by hand', 'See whether other resolvers answer'],
  'kernel-drops': ['The reason is the kernel’s own name for it: enum skb_drop_reason'],
  'listen-overflow': [
    'The process accepts too slowly: look at what it did at that time',
    'A longer queue helps with bursts only (the backlog of listen(), net.core.somaxconn)',
  ],
  'lost-data': [
    'Record with a filter, or with fewer interfaces',
    'Totals stay complete: counting happens in the kernel',
  ],
  'link-away': ['See the kernel’s log for the link at that time'],
};

export const whatToTry = (kind: FindingKind): readonly string[] => ADVICE[kind];
