import type {Annotation, EngineEvent} from './contract.js';
import type {Masker} from './masker.js';

type Distribute<T> = T extends unknown ? Omit<T, 'atMs'> : never;
/** An event without its time, which the journal adds. */
export type Told = Distribute<EngineEvent>;

/** Everything a run tells the outside passes here, and is masked here. */
export interface Journal {
  readonly masker: Masker;
  /** `job | line`, masked. */
  readonly lines: readonly string[];
  tell(event: Told): void;
  /** May be several lines; each becomes an event. */
  log(job: string, step: string, text: string): void;
}

export function openJournal(masker: Masker, onEvent: (event: EngineEvent) => void): Journal {
  const lines: string[] = [];
  const tell = (event: Told) => onEvent({...event, atMs: Date.now()} as EngineEvent);
  return {
    masker,
    lines,
    tell,
    log: (job, step, text) => {
      for (const line of masker.mask(text).split('\n')) {
        lines.push(`${job} | ${line}`);
        tell({type: 'log', job, step, line});
      }
    },
  };
}

const perLevel = 10;
const messageLimit = 4_096;

/** One step as the result shows it; the steps inside a composite action write to the record of the outer step. */
export interface StepRecord {
  readonly job: string;
  /** Id in the file, or `#` and its place. */
  readonly key: string;
  readonly name: string;
  readonly annotations: Annotation[];
  readonly summaries: string[];
  /** Fires when `timeout-minutes` of the step is over. */
  readonly expired: AbortController;
}

export function newRecord(job: string, key: string, name: string): StepRecord {
  return {job, key, name, annotations: [], summaries: [], expired: new AbortController()};
}

/** Prints an annotation and keeps it, as long as the step has fewer than ten of its kind. */
export function annotate(journal: Journal, record: StepRecord, annotation: Annotation): void {
  const masked = {...annotation, message: journal.masker.mask(annotation.message).slice(0, messageLimit)};
  journal.log(record.job, record.key, `##[${annotation.level}]${annotation.message}`);
  if (record.annotations.filter((kept) => kept.level === annotation.level).length >= perLevel) return;
  record.annotations.push(masked);
  journal.tell({type: 'annotation', job: record.job, step: record.key, annotation: masked});
}
