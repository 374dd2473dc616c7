/** Places for things that may run at the same time; waiting ones get theirs in order of arrival. */
export interface Slots {
  /** `release` gives the place back, or leaves the queue when it was not reached yet. */
  take(): {readonly turn: Promise<void>; release(): void};
}

export function createSlots(count: number): Slots {
  let free = Math.max(1, count);
  const queue: {start: () => void; held: boolean}[] = [];
  const admit = () => {
    while (free > 0 && queue.length) {
      free--;
      const next = queue.shift()!;
      next.held = true;
      next.start();
    }
  };
  return {
    take() {
      let start = () => {};
      const turn = new Promise<void>((resolve) => {
        start = resolve;
      });
      const entry = {start, held: false};
      queue.push(entry);
      admit();
      const release = () => {
        const at = queue.indexOf(entry);
        if (at >= 0) queue.splice(at, 1);
        if (entry.held) free++;
        entry.held = false;
        admit();
      };
      return {turn, release};
    },
  };
}
