/** Hands something to the browser as a download. */
export function download(address: string, name: string): void {
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}

/** The same of what the page made itself. */
export function downloadBlob(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  download(address, name);
  // The download reads it later.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
