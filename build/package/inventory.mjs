// The two lists of what is in a package from others: for people (licences with their texts), for machines (CycloneDX).
import { createHash } from 'node:crypto';
import { components } from './components.mjs';

/** For people: each component with its licence; a text that several share stands once, below their names. */
export function thirdParty(list = components()) {
  const byText = new Map();
  for (const component of list) {
    const text = component.text ?? `(no text; the licence is ${component.licence})`;
    byText.set(text, [...(byText.get(text) ?? []), component]);
  }
  const parts = [...byText].map(([text, owners]) => {
    const names = owners.map(({ name, version, licence }) => `${name} ${version} (${licence})`);
    return `${names.join('\n')}\n\n${text}\n`;
  });
  return `Flowglass contains software of others. Each is named with its licence.\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

/** An SPDX identifier, or an expression of several. */
const licenceOf = (text) => (/ (OR|AND|WITH) |\(/.test(text) ? { expression: text } : { license: { id: text } });

/** For machines: CycloneDX 1.6. The same components give the same bytes, so its serial number is made of them. */
export function billOfMaterials(version, seconds, list = components()) {
  const digest = createHash('sha256').update(JSON.stringify([version, list.map(({ purl }) => purl)])).digest('hex'); // prettier-ignore
  const serial = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-8${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
  const self = { type: 'application', 'bom-ref': `flowglass@${version}`, name: 'flowglass', version, licenses: [{ license: { id: 'MIT' } }] }; // prettier-ignore
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${serial}`,
    version: 1,
    metadata: { timestamp: new Date(seconds * 1000).toISOString(), component: self },
    components: list.map(({ name, version: of, licence, scope, purl }) => ({
      type: 'library',
      'bom-ref': purl,
      name,
      version: of,
      purl,
      licenses: [licenceOf(licence)],
      properties: [{ name: 'flowglass:part', value: scope }],
    })),
    dependencies: [{ ref: self['bom-ref'], dependsOn: list.map(({ purl }) => purl) }],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
