/**
 * Public half of the key that signs updates (Ed25519, SPKI, base64); null = this build has none and never looks for updates.
 * Whoever releases puts it here once: docs/release.md.
 */
export const UPDATE_KEY: string | null = null;
