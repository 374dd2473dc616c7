/** The note left in an upload's message: Railway keeps no commit for uploads, and a lost answer must be looked up. */
export interface Marker {
  readonly release: string;
  readonly commit: string;
}

/** `message [switchback release=… commit=…]` */
export function markedMessage(message: string | undefined, marker: Marker): string {
  const note = `[switchback release=${marker.release} commit=${marker.commit}]`;
  return message ? `${message.replace(/\s+/g, ' ').slice(0, 200)} ${note}` : note;
}

export function readMarker(message: string | undefined): Marker | undefined {
  const match = /\[switchback release=(\S{1,200}) commit=([0-9a-fA-F]{40})\]/.exec(message ?? '');
  return match ? {release: match[1]!, commit: match[2]!} : undefined;
}
