// Makes completion for bash, zsh and fish from commander's model of a command line (command-model.mjs). Pure.

/** The kind of a value, from its placeholder in the help text. */
const kindOf = (option) => {
  if (option.choices !== null) return 'choices';
  if (option.value === 'DIR') return 'folder';
  if (option.value === 'FILE') return 'file';
  return option.long === '--bundle' ? 'bundle' : 'other';
};
const argumentKind = ({ name }) => (name.endsWith('DIR') ? 'folder' : name === 'FILE' ? 'file' : 'other');
const shellName = (name) => name.replace(/[^a-z]/g, '_');
const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
const config = (name) => `/etc/${name}/${name}.toml`;

/** The names of the bundles in the configuration that the command line names: the value of each `name =` line. */
const BUNDLES = `sed -n 's/^[[:space:]]*name[[:space:]]*=[[:space:]]*"\\([^"]*\\)".*/\\1/p'`;

export function bash({ name, options, commands }) {
  const f = `_${shellName(name)}`;
  const words = (list) => list.map((o) => o.long).join(' ');
  const reply = {
    folder: 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur")',
    file: 'compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur")',
    bundle: `mapfile -t COMPREPLY < <(compgen -W "$(${BUNDLES} "$config" 2>/dev/null)" -- "$cur")`,
    other: ':',
  };
  const valued = commands.flatMap((command) =>
    command.options
      .filter((o) => o.value !== null)
      .map((o) => {
        const choices = `mapfile -t COMPREPLY < <(compgen -W ${quoted((o.choices ?? []).join(' '))} -- "$cur")`;
        return `        ${command.name}:${o.long}) ${o.choices === null ? reply[kindOf(o)] : choices}; return ;;`;
      }),
  );
  const operands = commands.map((command) => {
    const [first] = command.arguments;
    const rest = first === undefined ? ':' : reply[argumentKind(first)];
    return `        ${command.name}) if [[ $cur == -* ]]; then words='${words(command.options)}'; else ${rest}; return; fi ;;`;
  });
  return `# bash completion for ${name}; made from its own help.
${f}() {
    local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command='' words='' i
    local config=${config(name)}
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ \${COMP_WORDS[i-1]} == --config ]] && config=\${COMP_WORDS[i]}
        [[ -z $command && \${COMP_WORDS[i]} != -* ]] && command=\${COMP_WORDS[i]}
    done
    case $command:$prev in
${valued.join('\n')}
    esac
    case $command in
        '') words='${[...commands.map((c) => c.name), ...options.map((o) => o.long)].join(' ')}' ;;
${operands.join('\n')}
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F ${f} ${name}
`;
}

export function zsh({ name, options, commands }) {
  const f = `_${shellName(name)}`;
  const inBrackets = (text) => text.replace(/[\\[\]:]/g, '\\$&');
  const action = { folder: '_files -/', file: '_files', bundle: `${f}_bundles`, other: ' ' };
  const spec = (o) => {
    const value =
      o.value === null ? '' : `:${o.value}:${o.choices === null ? action[kindOf(o)] : `(${o.choices.join(' ')})`}`;
    return quoted(`${o.long}[${inBrackets(o.description)}]${value}`);
  };
  const operand = (a) => quoted(`${a.variadic ? '*' : ''}:${a.name}:${action[argumentKind(a)]}`);
  const branch = (command) =>
    `        ${command.name}) _arguments ${[...command.options.map(spec), ...command.arguments.map(operand)].join(' \\\n            ')} ;;`;
  return `#compdef ${name}
# zsh completion for ${name}; made from its own help.
${f}_bundles() {
    local config=\${opt_args[--config]:-${config(name)}}
    compadd -- \${(f)"$(${BUNDLES} \${(Q)config} 2>/dev/null)"}
}
${f}() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands=(
${commands.map((c) => `        ${quoted(`${c.name}:${c.description}`)}`).join('\n')}
    )
    _arguments -C ${options.map(spec).join(' ')} '1: :->command' '*:: :->rest'
    case $state in
    command) _describe command commands ;;
    rest)
        case $line[1] in
${commands.map(branch).join('\n')}
        esac
        ;;
    esac
}
${f} "$@"
`;
}

export function fish({ name, options, commands }) {
  const all = commands.map((c) => c.name).join(' ');
  const line = (condition, rest) => `complete -c ${name} -n ${quoted(condition)} ${rest}`;
  const take = {
    folder: `-x -a '(__fish_complete_directories (commandline -ct))'`,
    file: '-r -F',
    bundle: `-x -a ${quoted(`(${BUNDLES} ${config(name)} 2>/dev/null)`)}`,
    other: '-x',
  };
  const option = (condition, o) => {
    const value =
      o.value === null ? '' : ` ${o.choices === null ? take[kindOf(o)] : `-x -a ${quoted(o.choices.join(' '))}`}`;
    return line(condition, `-l ${o.long.slice(2)} -d ${quoted(o.description)}${value}`);
  };
  const within = (command) => `__fish_seen_subcommand_from ${command.name}`;
  const first = `not __fish_seen_subcommand_from ${all}`;
  return `# fish completion for ${name}; made from its own help.
${[
  `complete -c ${name} -f`,
  ...options.map((o) => option(first, o)),
  ...commands.map((c) => line(first, `-a ${c.name} -d ${quoted(c.description)}`)),
  ...commands.flatMap((c) => [
    ...c.options.map((o) => option(within(c), o)),
    ...c.arguments.flatMap((a) => {
      const kind = argumentKind(a);
      if (kind === 'folder') return [line(within(c), take.folder)];
      return kind === 'file' ? [line(within(c), '-F')] : [];
    }),
  ]),
].join('\n')}
`;
}
