/** Layers and fields of the decoded tree, and the builder that keeps within the captured bytes. */

export interface TreeField {
  readonly label: string;
  readonly value: string;
  /** Within the packet. */
  readonly offset: number;
  readonly length: number;
}

export interface TreeLayer {
  readonly label: string;
  /** One line: what matters of the layer. */
  readonly summary: string;
  readonly offset: number;
  readonly length: number;
  readonly fields: TreeField[];
}

/** Builds one layer; reads nothing past `end`. */
export class LayerBuilder {
  readonly fields: TreeField[] = [];
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly end: number;

  constructor(bytes: Uint8Array, offset: number, end: number) {
    this.bytes = bytes;
    this.offset = offset;
    this.end = Math.min(end, bytes.length);
  }

  /** Adds a field when its bytes were captured. */
  field(label: string, at: number, length: number, value: string | (() => string)): this {
    if (at < 0 || at + length > this.end) return this;
    this.fields.push({ label, value: typeof value === 'string' ? value : value(), offset: at, length });
    return this;
  }

  has(at: number, length: number): boolean {
    return at + length <= this.end;
  }

  done(label: string, summary: string, length: number): TreeLayer {
    return {
      label,
      summary,
      offset: this.offset,
      length: Math.max(0, Math.min(length, this.end - this.offset)),
      fields: this.fields,
    };
  }
}

export function hex(value: number, digits: number): string {
  return `0x${(value >>> 0).toString(16).padStart(digits, '0')}`;
}
