/**
 * Completion: scripts that let bash and zsh complete commands, flags and values.
 * Takes  the manual. Gives a script as text; the script starts no process, so a key press costs nothing.
 */
import { type Flag, inGroups } from './flag.ts';
import { type CommandEntry, MANUAL } from './manual.ts';

const COMMANDS: readonly (readonly [string, CommandEntry])[] = Object.entries(MANUAL);

export type Shell = 'bash' | 'zsh';

export function completionFor(shell: Shell): string {
  return shell === 'bash' ? bash() : zsh();
}

/** Texts that may stand for a value: all of them, or only the known ones. */
function textsOf({ choices, value }: Flag): readonly string[] {
  return choices ?? (value ?? '').split('|').filter((text) => /^[a-z-]+$/.test(text));
}

function bash(): string {
  const names = COMMANDS.map(([name]) => name).join(' ');
  const cases = COMMANDS.map(([name, entry]) => bashCase(name, entry)).join('\n');
  return `# bash completion for millrace: eval "$(millrace completion bash)"
_millrace() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command= flags= words= i
  COMPREPLY=()
  # --flag=value comes as three words.
  if [[ $cur == = ]]; then cur=
  elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ \${COMP_WORDS[i]} != -* ]]; then command=\${COMP_WORDS[i]}; break; fi
  done
  if [[ -z $command ]]; then
    mapfile -t COMPREPLY < <(compgen -W '${names} --help --version' -- "$cur")
    return
  fi
  case $command in
${cases}
    *) return ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags --help" -- "$cur")
  elif [[ $words == FILE ]]; then
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  elif [[ -n $words ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
  fi
}
complete -F _millrace millrace
`;
}

/** Sets what may follow: flags, or the words that are values of the flag before. */
function bashCase(name: string, { words, flags }: CommandEntry): string {
  const known = inGroups(flags).flatMap(([, group]) => group);
  const valued = known.filter(({ kind }) => kind !== 'switch');
  const values = valued.map((flag) => {
    const texts = flag.value === 'FILE' ? 'FILE' : textsOf(flag).join(' ');
    return texts === '' ? [] : [`        --${flag.name}) words='${texts}' ;;`];
  });
  const own = words === 'sources' ? '' : words === 'file' ? 'FILE' : words.join(' ');
  const others = valued.map((flag) => `--${flag.name}`).join(' | ');
  const silent = others === '' ? [] : [`        ${others}) return ;;`];
  const lines = [...values.flat(), ...silent, `        *) words='${own}' ;;`];
  return `    ${name})
      flags='${known.map((flag) => `--${flag.name}`).join(' ')}'
      case $prev in
${lines.join('\n')}
      esac
      ;;`;
}

function zsh(): string {
  const described = COMMANDS.map(([name, { summary }]) => `    ${quoted(`${name}:${summary}`)}`);
  const cases = COMMANDS.map(([name, entry]) => zshCase(name, entry));
  return `#compdef millrace
# zsh completion for millrace: source <(millrace completion zsh), or a file _millrace in a folder of $fpath
_millrace() {
  local -a commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe -t commands command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _millrace ]]; then _millrace "$@"; else compdef _millrace millrace; fi
`;
}

function zshCase(name: string, { words, flags }: CommandEntry): string {
  const specs = inGroups(flags).flatMap(([, group]) => group.map(zshFlag));
  const own =
    words === 'sources'
      ? "'*:SOURCE:'"
      : words === 'file'
        ? "'1:file:_files'"
        : `'1:word:(${words.join(' ')})'`;
  const lines = [...specs, "'--help[show help]'", ...(words.length === 0 ? [] : [own])];
  return `    ${name})
      _arguments \\
${lines.map((line) => `        ${line}`).join(' \\\n')}
      ;;`;
}

function zshFlag(flag: Flag): string {
  const said = `[${flag.help.replaceAll(/[[\]\\]/g, '\\$&')}]`;
  if (flag.kind === 'switch') return quoted(`--${flag.name}${said}`);
  const texts = textsOf(flag);
  const action = flag.value === 'FILE' ? '_files' : texts.length > 0 ? `(${texts.join(' ')})` : ' ';
  const value = (flag.value ?? '').replaceAll(/[:\\]/g, '\\$&');
  return quoted(`${flag.kind === 'list' ? '*' : ''}--${flag.name}=${said}:${value}:${action}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
