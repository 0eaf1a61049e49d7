/** Filter fields of classes of TCP segments: name, what it counts, Wireshark's name of it. */
import type { SegmentClass } from '../flow/tcp-trouble.ts';

export type SegmentField = SegmentClass | 'outOfOrder' | 'duplicateAcks';

export const SEGMENT_FIELDS: readonly (readonly [string, SegmentField, string, string])[] = [
  ['out_of_order', 'outOfOrder', 'TCP segments that came after later ones', 'out_of_order'],
  ['duplicate_acks', 'duplicateAcks', 'TCP acknowledgements that said nothing new', 'duplicate_ack'],
  ['fast_retransmits', 'fastRetransmits', 'retransmits that duplicate ACKs asked for', 'fast_retransmission'],
  [
    'spurious_retransmits',
    'spuriousRetransmits',
    'retransmits of what had been acknowledged',
    'spurious_retransmission',
  ],
  ['keep_alives', 'keepAlives', 'TCP keep-alives', 'keep_alive'],
  ['keep_alive_answers', 'keepAliveAnswers', 'answers to TCP keep-alives', 'keep_alive_ack'],
  ['zero_window_probes', 'zeroWindowProbes', 'probes of a closed window', 'zero_window_probe'],
  ['window_full', 'windowFull', 'TCP segments that filled the receive window', 'window_full'],
  ['window_updates', 'windowUpdates', 'TCP segments that only changed the window', 'window_update'],
  ['lost_before', 'lostBefore', 'TCP segments before which something was not captured', 'lost_segment'],
  ['acknowledged_unseen', 'acknowledgedUnseen', 'acknowledgements of what was not captured', 'ack_lost_segment'],
];
