import {messageOf} from '../kernel/errors.js';
import {type Ended, runOnTerminal, type Terminal} from './action.js';

export interface RecoverFlags {
  readonly config?: string | undefined;
  readonly reason?: string | undefined;
  readonly database: boolean;
  /** The Railway project is gone: everything of it is made again in an empty one. */
  readonly rebuild: boolean;
  readonly confirm?: string | undefined;
  readonly release?: string | undefined;
  readonly since?: string | undefined;
  readonly set?: string | undefined;
  readonly maxAge?: string | undefined;
  readonly owners?: string | undefined;
  /** Where sets are read from and written to; steps that do neither have no such input. */
  readonly store?: string | undefined;
  /** Runs one step; replaced in tests. */
  readonly step?: typeof runOnTerminal;
}

export type Outputs = Readonly<Record<string, string>>;
export type Given = Readonly<Record<string, string | undefined>>;

/** The steps of a recovery, run one after another as a composite action would. */
export class Steps {
  constructor(
    private readonly flags: RecoverFlags,
    private readonly terminal: Terminal,
  ) {}

  /** @throws the step's failure, or the reason of an interruption. */
  async run(title: string, action: string, inputs: Given): Promise<Outputs> {
    const {console, signal} = this.terminal;
    signal.throwIfAborted();
    console.heading(`\n${title}`);
    const ended = await this.perform(action, inputs);
    if (ended.failure && ended.summary) console.line(`\n${ended.summary}`);
    if (ended.failure) throw ended.failure;
    signal.throwIfAborted();
    return ended.outputs;
  }

  /** Undefined when the step failed, which is told and not thrown; an interruption is. */
  async tried(title: string, action: string, inputs: Given): Promise<Outputs | undefined> {
    try {
      return await this.run(title, action, inputs);
    } catch (error) {
      if (this.terminal.signal.aborted) throw error;
      this.say(`${title}: ${messageOf(error)}`);
      return undefined;
    }
  }

  measured(began: Outputs, flags: RecoverFlags): Promise<Ended> {
    this.terminal.console.heading('\nMeasure against the objectives');
    const calm = {...this.terminal, signal: new AbortController().signal};
    return this.perform(
      'recovery',
      {
        mode: 'end',
        database: String(flags.database),
        release: began['release'] ?? began['good-release'],
        since: began['since'],
        // A new server's address is known to nobody but the step that made it.
        'restored-set': flags.rebuild ? began['set-id'] : undefined,
      },
      calm,
    );
  }

  say(text: string): void {
    this.terminal.console.alert('warning', text);
  }

  private perform(action: string, inputs: Given, terminal = this.terminal): Promise<Ended> {
    const all: Given = {config: this.flags.config, store: this.flags.store, ...inputs};
    return (this.flags.step ?? runOnTerminal)(action, (name) => all[name] || undefined, terminal);
  }
}
