/** Opening a capture: by path, by a native dialog, or a file that the browser sends to the engine. */
import { defineStore } from 'pinia';
import { ref } from 'vue';
import { desktop } from '../engine/desktop.ts';
import { useEngine } from '../stores/engine.ts';
import { useShell } from '../stores/shell.ts';
import { t } from '../language/language.ts';

export const useOpenFile = defineStore('open-file', () => {
  const engine = useEngine();
  const shell = useShell();
  /** How much of a file was sent to the engine, 0..1. */
  const sending = ref<{ name: string; share: number } | null>(null);
  /** A file that waits for the answer whether the recording may end. */
  const asking = ref<{ name: string; go: () => void } | null>(null);

  async function openPath(path: string): Promise<void> {
    await engine.act('open', { path });
    shell.place = 'explore';
  }

  /** Does it, after asking when a recording runs: opening a file ends what is watched. */
  function unlessRecording(name: string, go: () => void): void {
    if (engine.state.recording) asking.value = { name, go };
    else go();
  }

  function openFile(file: File | undefined): void {
    if (file) unlessRecording(file.name, () => void take(file));
  }

  /** The desktop shell knows where a file is; a browser must send it to the engine. */
  async function take(file: File): Promise<void> {
    const path = desktop?.pathOf(file);
    if (path) {
      await openPath(path);
      return;
    }
    sending.value = { name: file.name, share: 0 };
    try {
      await openPath(await upload(file, (share) => (sending.value = { name: file.name, share })));
    } catch (error) {
      engine.notice = {
        level: 'error',
        code: 'upload',
        what: error instanceof Error ? error.message : t('start.notSent'),
        where: file.name,
        hint: t('start.notSentHint'),
      };
    }
    sending.value = null;
  }

  async function chooseDesktop(): Promise<boolean> {
    if (!desktop) return false;
    const path = await desktop.chooseFile();
    if (path) unlessRecording(path, () => void openPath(path));
    return true;
  }

  return { sending, asking, openPath, openFile, unlessRecording, chooseDesktop };
});

/** fetch() cannot tell how far an upload got. */
function upload(file: File, onShare: (share: number) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', `upload?name=${encodeURIComponent(file.name)}`);
    request.upload.onprogress = ({ loaded, total }) => onShare(total ? loaded / total : 0);
    request.onload = () => {
      if (request.status === 200) resolve((JSON.parse(request.responseText) as { path: string }).path);
      else reject(new Error(request.responseText.trim() || t('start.notSent')));
    };
    request.onerror = () => reject(new Error(t('start.lostWhileSending')));
    request.send(file);
  });
}
