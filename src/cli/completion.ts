import {Failure} from '../kernel/errors.js';

/** A command as the shells complete it. */
export interface Completable {
  readonly name: string;
  readonly about: string;
  /** Flags with their dashes. */
  readonly flags: readonly string[];
  /** Words that may follow, such as `on`. */
  readonly words: readonly string[];
}

/** The completion script of a shell. @throws Failure USAGE for a shell we do not know. */
export function completionScript(shell: string, commands: readonly Completable[]): string {
  const scripts: Record<string, (commands: readonly Completable[]) => string> = {bash, zsh, fish};
  const script = scripts[shell];
  if (!script) {
    throw new Failure('USAGE', `There is no completion for ${shell || 'no shell'}`, {
      remedy: 'Name one of bash, zsh, fish, such as `switchback completion bash`.',
    });
  }
  return script(commands);
}

function bash(commands: readonly Completable[]): string {
  const cases = commands.map(({name, flags, words}) => `    ${name}) options="${[...words, ...flags].join(' ')}" ;;`);
  return `_switchback() {
  local options="${commands.map(({name}) => name).join(' ')} --help --version"
  [ "$COMP_CWORD" -gt 1 ] && case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$options" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _switchback switchback
`;
}

function zsh(commands: readonly Completable[]): string {
  const list = commands.map(({name, about}) => `    '${name}:${quoted(about)}'`).join('\n');
  const cases = commands.map(({name, flags, words}) => `    ${name}) compadd -- ${[...words, ...flags].join(' ')} ;;`);
  return `#compdef switchback
_switchback() {
  local -a commands
  commands=(
${list}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case "$words[2]" in
${cases.join('\n')}
  esac
  _files
}
compdef _switchback switchback
`;
}

function fish(commands: readonly Completable[]): string {
  const lines = commands.flatMap(({name, about, flags, words}) => [
    `complete -c switchback -n __fish_use_subcommand -a ${name} -d '${quoted(about)}'`,
    ...flags.map((flag) => `complete -c switchback -n '__fish_seen_subcommand_from ${name}' -l ${flag.slice(2)}`),
    ...(words.length
      ? [`complete -c switchback -n '__fish_seen_subcommand_from ${name}' -a '${words.join(' ')}'`]
      : []),
  ]);
  return `${lines.join('\n')}\n`;
}

function quoted(text: string): string {
  return text.replace(/'/g, "'\\''");
}
