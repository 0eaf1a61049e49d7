import type { SessionAnswer } from '../../core/contract/sessions.ts';
import { desktop } from '../engine/desktop.ts';
import { openExport } from '../export/open-export.ts';
import { t } from '../language/language.ts';
import { copyText } from '../shell/clipboard.ts';
import { useOpenFile } from '../start/open-file.ts';
import { SEPARATOR, type OpenMenu } from '../stores/shell.ts';

interface SessionActions {
  open: (session: SessionAnswer) => void;
  rename: (session: SessionAnswer) => void;
  trash: (session: SessionAnswer) => void;
}

/** What can be done with a recording; one that is in use is neither moved nor renamed. */
export function sessionMenu(session: SessionAnswer, { open, rename, trash }: SessionActions): OpenMenu['items'] {
  const { path, use } = session;
  const used = use !== null;
  const files = useOpenFile();
  const shell = desktop;
  return [
    { label: t('sessions.open'), keys: 'Enter', disabled: use === 'open', run: () => open(session) },
    {
      label: t('sessions.export'),
      disabled: use === 'recorded',
      run: () =>
        use === 'open' ? openExport() : files.unlessRecording(path, () => void files.openPath(path).then(openExport)),
    },
    SEPARATOR,
    { label: t('sessions.rename'), keys: 'F2', disabled: used, run: () => rename(session) },
    { label: t('sessions.trash'), keys: 'Delete', disabled: used, run: () => trash(session) },
    SEPARATOR,
    ...(shell ? [{ label: t('sessions.showInFolder'), run: () => shell.showInFolder(path) }] : []),
    { label: t('sessions.copyPath'), run: () => copyText(path, 'copied.path') },
  ];
}
