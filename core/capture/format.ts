/**
 * Numbers of the two capture file formats: draft-ietf-opsawg-pcap (pcap) and draft-ietf-opsawg-pcapng (pcapng).
 */

/** pcap file magic, as read little-endian. */
export const PCAP_MICROSECONDS = 0xa1b2c3d4;
export const PCAP_NANOSECONDS = 0xa1b23c4d;
/** Alexey Kuznetzov's patched libpcap: record headers are 24 bytes long. */
export const PCAP_MODIFIED = 0xa1b2cd34;
export const PCAP_HEADER_BYTES = 24;

/** pcapng block types. */
export const BLOCK_SECTION = 0x0a0d0d0a;
export const BLOCK_INTERFACE = 1;
/** Obsolete Packet Block (draft, appendix A). */
export const BLOCK_PACKET = 2;
export const BLOCK_SIMPLE_PACKET = 3;
export const BLOCK_NAMES = 4;
export const BLOCK_STATISTICS = 5;
export const BLOCK_ENHANCED_PACKET = 6;
export const BLOCK_SECRETS = 10;
export const BLOCK_CUSTOM = 0x00000bad;
export const BLOCK_CUSTOM_NO_COPY = 0x40000bad;
/** Apple's Darwin Process Event Block, in the local-use range. */
export const BLOCK_APPLE_PROCESS = 0x80000001;
/** Block types from here on are for local use. */
export const BLOCK_LOCAL_USE = 0x80000000;
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Options of every block. */
export const OPTION_END = 0;
export const OPTION_COMMENT = 1;

export const SECTION_HARDWARE = 2;
export const SECTION_OS = 3;
export const SECTION_APPLICATION = 4;

export const INTERFACE_NAME = 2;
export const INTERFACE_DESCRIPTION = 3;
export const INTERFACE_MAC = 6;
export const INTERFACE_SPEED = 8;
export const INTERFACE_TSRESOL = 9;
export const INTERFACE_FILTER = 11;
export const INTERFACE_OS = 12;
export const INTERFACE_FCSLEN = 13;
export const INTERFACE_TSOFFSET = 14;
export const INTERFACE_HARDWARE = 15;

export const PACKET_FLAGS = 2;
export const PACKET_DROPCOUNT = 4;
/** epb_processid_threadid: u32 process id, u32 thread id, 0 = not available; may repeat. */
export const PACKET_PROCESS_THREAD = 8;
/** Apple: index of the Darwin process block of the process, and of the effective process. */
export const PACKET_APPLE_PROCESS = 32769;
export const PACKET_APPLE_EFFECTIVE = 32771;

/** epb_flags, bits 0 and 1. */
export const FLAGS_INBOUND = 1;
export const FLAGS_OUTBOUND = 2;

export const STATISTICS_START = 2;
export const STATISTICS_END = 3;
export const STATISTICS_RECEIVED = 4;
export const STATISTICS_DROPPED = 5;
export const STATISTICS_ACCEPTED = 6;
export const STATISTICS_OS_DROPPED = 7;
export const STATISTICS_DELIVERED = 8;

/** Enterprise number of Wireshark, and its custom entry "process information". */
export const PEN_WIRESHARK = 32622;
export const WIRESHARK_PROCESS_ENTRY = 3;
export const PROCESS_NAME = 2;
export const PROCESS_PATH = 3;
export const PROCESS_COMMAND_LINE = 4;
export const PROCESS_PARENT = 5;
export const PROCESS_UID = 6;
export const PROCESS_USER = 7;
export const PROCESS_START = 9;

/**
 * A block or record that claims to be longer than this is not taken into memory: a pcapng block is stepped over, a
 * pcap record ends the reading. Wireshark's own limit for a packet is 256 KiB, 128 MiB for USB.
 */
export const MAX_BLOCK_BYTES = 16 << 20;
/** Longest packet believed in a pcap file whose link type is not a bus: four times Wireshark's limit. */
export const MAX_PACKET_BYTES = 1 << 20;
/** LINKTYPE_USB_LINUX, LINKTYPE_USB_LINUX_MMAPPED, LINKTYPE_DBUS, LINKTYPE_USBPCAP carry whole transfers. */
export const BUS_LINK_TYPES: readonly number[] = [189, 220, 231, 249];
