/** The packages as `npm run package` makes them with stand-ins, once for all tests of a run. */
import { makePackages } from '../../build/package/package.mjs';

export type Kind = 'deb' | 'rpm' | 'AppImage' | 'tar.gz';

/** Path of each package. */
export async function packages(): Promise<Record<Kind, string>> {
  const made: string[] = await makePackages();
  const path = (kind: Kind): string => {
    const found = made.find((name) => name.endsWith(`.${kind}`));
    if (found === undefined) throw new Error(`no ${kind} among ${made.join(', ')}`);
    return found;
  };
  return { deb: path('deb'), rpm: path('rpm'), AppImage: path('AppImage'), 'tar.gz': path('tar.gz') };
}
