/** A command of the terminal. What an action does is declared by the action's spec; this only names it. */
export interface CommandEntry {
  readonly name: string;
  /** One line for `switchback --help`, which must not load anything. */
  readonly about: string;
  /** Action in `actions/` that this command runs, with the flags its spec declares. */
  readonly action?: string;
  /** Inputs that the command itself decides. */
  readonly fixed?: Readonly<Record<string, string>>;
  /** An input that may be given without its flag, such as `on` in `switchback maintenance on`. */
  readonly positional?: string;
  /** What may follow the name of a command without an action. */
  readonly words?: readonly string[];
  readonly examples: readonly string[];
}

/** All commands, in the order in which a release needs them. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'init',
    about: 'look at this repository and write its configuration and workflows',
    examples: [
      'switchback init',
      'switchback init --yes --frontend-url https://shop.example --key-out ~/keys/shop.asc',
    ],
  },
  {
    name: 'preflight',
    about: 'check configuration, credentials, the way back, storage and keys; change nothing',
    action: 'preflight',
    examples: ['switchback preflight', 'switchback preflight --fail-on warning --json'],
  },
  {
    name: 'release',
    about: 'ship one commit: preflight, backup, stage, deploy, gate, promote, watch; go back on failure',
    examples: ['switchback release', 'switchback release --ledger file --env-file ~/.switchback.env'],
  },
  {
    name: 'schema',
    about: 'judge the migrations between two commits, and try them on a copy of the data',
    action: 'schema-verdict',
    examples: [
      'switchback schema --from 5f2c9a1d8e4b7730a1b2c3d4e5f60718293a4b5c',
      'switchback schema --from 5f2c9a1d8e4b7730a1b2c3d4e5f60718293a4b5c --trial database',
    ],
  },
  {
    name: 'deploy',
    about: 'deploy one component and wait for its terminal state',
    action: 'deploy',
    positional: 'component',
    examples: ['switchback deploy frontend', 'switchback deploy backend --timeout 15m'],
  },
  {
    name: 'gate',
    about: 'judge the health of a release by evidence',
    action: 'health-gate',
    examples: ['switchback gate --stage live', 'switchback gate --frontend-url https://shop-a1b2c3.vercel.app'],
  },
  {
    name: 'promote',
    about: 'move production traffic to a staged deployment and read it back',
    action: 'promote',
    examples: ['switchback promote --frontend-deployment dpl_a1b2c3'],
  },
  {
    name: 'rollback',
    about: 'bring both sides back, read them back, gate them and leave a pin',
    action: 'rollback',
    examples: [
      'switchback rollback --to previous --dry-run',
      'switchback rollback --to previous --reason "checkout is broken"',
      'switchback rollback --component unpin',
    ],
  },
  {
    name: 'maintenance',
    about: 'switch maintenance mode on or off, or look (on, off, status)',
    action: 'maintenance',
    positional: 'mode',
    examples: ['switchback maintenance on --reason "database move"', 'switchback maintenance off'],
  },
  {
    name: 'backup',
    about: 'make one sealed, encrypted, verified set (backup, copy, retain, freshness)',
    action: 'backup',
    positional: 'mode',
    examples: ['switchback backup', 'switchback backup copy', 'switchback backup freshness --max-age 26h'],
  },
  {
    name: 'restore',
    about: 'list, prove or restore sets (list, verify, drill, new, in-place)',
    action: 'restore',
    positional: 'mode',
    examples: ['switchback restore list', 'switchback restore new --set newest'],
  },
  {
    name: 'drill',
    about: 'restore the newest set into a throwaway server and compare it',
    action: 'restore',
    fixed: {mode: 'drill'},
    examples: ['switchback drill', 'switchback drill --no-alarm --sql-checks "SELECT count(*) > 0 FROM users"'],
  },
  {
    name: 'recover',
    about:
      'disaster recovery: page, snapshot, last known good code, database, gate, open; may be run again at any point',
    examples: [
      'switchback recover --reason "bad deploy"',
      'switchback recover --database --since 2026-11-22T18:00:00Z',
      'switchback recover --database --confirm railway@7421198766012345678 --ledger file',
      'switchback recover --rebuild --confirm shop@7b1f3f0e-5a3c-4f0e-9d52-0f2f6f1c1a01',
    ],
  },
  {
    name: 'monitor',
    about: 'look at every service once or for ever, remember, judge, alert, write or serve the status page',
    action: 'monitor',
    examples: [
      'switchback monitor --history-type folder',
      'switchback monitor --duration 4m --interval 30s',
      'switchback monitor --watch --interval 30s --history-type folder --port 8787',
    ],
  },
  {
    name: 'notify',
    about: 'say something on the alert channels, or test them (alert, recovery, test)',
    action: 'notify',
    positional: 'mode',
    examples: ['switchback notify test', 'switchback notify alert --title "release went back" --severity critical'],
  },
  {
    name: 'history',
    about: "list the releases of the ledger, or merge a file's into GitHub's (list, merge)",
    words: ['list', 'merge'],
    examples: [
      'switchback history',
      'switchback history --limit 5 --json',
      'switchback history merge --from .switchback/ledger.jsonl',
    ],
  },
  {
    name: 'pins',
    about: 'show the pin that holds production, or release it (list, release)',
    words: ['list', 'release'],
    examples: ['switchback pins', 'switchback pins release'],
  },
  {
    name: 'rehearse',
    about: 'play releases on this machine against stand-ins (needs a checkout of Switchback)',
    examples: ['switchback rehearse --scenario bad-after-promotion', 'switchback rehearse --list'],
  },
  {
    name: 'completion',
    about: 'print the completion script of a shell (bash, zsh, fish)',
    words: ['bash', 'zsh', 'fish'],
    examples: ['source <(switchback completion bash)'],
  },
];
