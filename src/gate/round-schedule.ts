import type {Clock} from '../kernel/clock.js';

export interface Tick {
  readonly round: number;
  /** Milliseconds since the start, by the clock; jumps left out. */
  readonly atMs: number;
  /** True when the clock jumped: this machine slept, or its time was set. */
  readonly jumped: boolean;
}

const jumpMs = 5_000;

/** Even rounds without drift; one that was missed is left out, never made up for in a burst. */
export class RoundSchedule {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #lastMs: number;
  #elapsedMs = 0;
  #dueMs = 0;
  #round = 0;
  lateRounds = 0;

  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#lastMs = clock.now();
  }

  elapsedMs(): number {
    this.#advance(0);
    return this.#elapsedMs;
  }

  /** Waits for the next round. @throws Failure CANCELLED when the signal fires. */
  async next(signal: AbortSignal): Promise<Tick> {
    this.#advance(0);
    const waitMs = Math.max(0, this.#dueMs - this.#elapsedMs);
    await this.#clock.sleep(waitMs, signal);
    const jumped = this.#advance(waitMs);
    const lateMs = this.#elapsedMs - this.#dueMs;
    if (lateMs > Math.max(50, 0.1 * this.#intervalMs)) this.lateRounds++;
    // Behind by a whole round: go on from now.
    this.#dueMs = (lateMs > this.#intervalMs ? this.#elapsedMs : this.#dueMs) + this.#intervalMs;
    return {round: this.#round++, atMs: this.#elapsedMs, jumped};
  }

  #advance(expectedMs: number): boolean {
    const nowMs = this.#clock.now();
    const deltaMs = nowMs - this.#lastMs;
    const jumped = deltaMs < -1_000 || deltaMs > expectedMs + jumpMs + this.#intervalMs;
    this.#elapsedMs += jumped ? expectedMs : Math.max(0, deltaMs);
    this.#lastMs = nowMs;
    return jumped;
  }
}
