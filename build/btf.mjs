// Reads the BTF of a compiled object: struct layouts and enum values, as the compiler decided them.
// Format: Documentation/bpf/btf.rst of the kernel; section lookup: ELF-64, little-endian.
import { BuildError } from './tools.mjs';

const KIND = { INT: 1, PTR: 2, ARRAY: 3, STRUCT: 4, UNION: 5, ENUM: 6, TYPEDEF: 8, VOLATILE: 9, CONST: 10, RESTRICT: 11, FUNC_PROTO: 13, VAR: 14, DATASEC: 15, FLOAT: 16, DECL_TAG: 17, TYPE_TAG: 18, ENUM64: 19 }; // prettier-ignore
const FOLLOW = new Set([KIND.TYPEDEF, KIND.VOLATILE, KIND.CONST, KIND.RESTRICT, KIND.TYPE_TAG]);

function btfSection(elf) {
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46)
    throw new BuildError('the compiled object is not an ELF file');
  const table = Number(elf.readBigUInt64LE(0x28));
  const entrySize = elf.readUInt16LE(0x3a);
  const count = elf.readUInt16LE(0x3c);
  const section = (index) => {
    const at = table + index * entrySize;
    return { name: elf.readUInt32LE(at), offset: Number(elf.readBigUInt64LE(at + 0x18)), size: Number(elf.readBigUInt64LE(at + 0x20)) }; // prettier-ignore
  };
  const names = section(elf.readUInt16LE(0x3e));
  for (let index = 0; index < count; index++) {
    const { name, offset, size } = section(index);
    const from = names.offset + name;
    if (elf.toString('latin1', from, elf.indexOf(0, from)) === '.BTF') return elf.subarray(offset, offset + size);
  }
  throw new BuildError('the compiled object has no .BTF section (compile with -g -target bpf)');
}

function parseTypes(btf) {
  if (btf.readUInt16LE(0) !== 0xeb9f) throw new BuildError('the .BTF section is not little-endian BTF');
  const header = btf.readUInt32LE(4);
  const [typeOffset, typeLength, stringOffset] = [8, 12, 16].map((at) => btf.readUInt32LE(at));
  const string = (offset) => {
    const from = header + stringOffset + offset;
    return btf.toString('utf8', from, btf.indexOf(0, from));
  };
  const types = [{ kind: 0, name: 'void', size: 0 }];
  let at = header + typeOffset;
  const end = at + typeLength;
  const word = () => ((at += 4), btf.readUInt32LE(at - 4));
  while (at < end) {
    const name = string(word());
    const info = word();
    const kind = (info >>> 24) & 0x1f;
    const count = info & 0xffff;
    const bits = info >>> 31;
    const size = word(); // or the type it refers to
    const type = { kind, name, size, members: [] };
    switch (kind) {
      case KIND.INT:
      case KIND.VAR:
      case KIND.DECL_TAG:
        word();
        break;
      case KIND.ARRAY:
        type.element = word();
        word();
        type.length = word();
        break;
      case KIND.STRUCT:
      case KIND.UNION:
        for (let i = 0; i < count; i++) {
          const member = { name: string(word()), type: word(), offset: word() };
          if (bits === 1 && member.offset >>> 24 !== 0) throw new BuildError(`${name}.${member.name} is a bit field`);
          type.members.push({ ...member, offset: (member.offset & (bits === 1 ? 0xffffff : 0xffffffff)) / 8 });
        }
        break;
      case KIND.ENUM:
        for (let i = 0; i < count; i++) {
          const member = string(word());
          const value = word();
          type.members.push({ name: member, value: bits === 1 ? value | 0 : value });
        }
        break;
      case KIND.ENUM64:
        throw new BuildError(`enum ${name} does not fit 32 bits`);
      case KIND.FUNC_PROTO:
        at += 8 * count;
        break;
      case KIND.DATASEC:
        at += 12 * count;
        break;
      default:
        break; // nothing follows
    }
    types.push(type);
  }
  return types;
}

/**
 * Structs and enums of the object whose name begins with `prefix`, in order of their name:
 * structs [{name, size, members: [{name, offset, size, align, structure}]}] in bytes, enums [{name, members: [{name, value}]}].
 */
export function readBtf(elf, prefix) {
  const types = parseTypes(btfSection(elf));
  const resolve = (id) => {
    let type = types[id];
    while (FOLLOW.has(type.kind)) type = types[type.size];
    return type;
  };
  const shape = (id) => {
    const type = resolve(id);
    if (type.kind === KIND.ARRAY) {
      const element = shape(type.element);
      return { ...element, size: element.size * type.length };
    }
    if (type.kind === KIND.PTR) throw new BuildError('a pointer cannot cross the wire');
    if (type.kind === KIND.STRUCT || type.kind === KIND.UNION) {
      return {
        size: type.size,
        align: Math.max(1, ...type.members.map((m) => shape(m.type).align)),
        structure: type.name,
      };
    }
    return { size: type.size, align: type.size, structure: null };
  };
  const named = (kind) =>
    types
      .filter((type) => type.kind === kind && type.name.startsWith(prefix))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  const structs = named(KIND.STRUCT).map(({ name, size, members }) => ({
    name,
    size,
    members: members.map((member) => ({ name: member.name, offset: member.offset, ...shape(member.type) })),
  }));
  return { structs, enums: named(KIND.ENUM).map(({ name, members }) => ({ name, members })) };
}
