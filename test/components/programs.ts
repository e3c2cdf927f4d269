// Which programs a shell script starts: enough of a shell's grammar for the scripts of this repository.

const builtins = new Set(
  '. : break cd continue eval exec exit export false local printf read return set shift test trap true umask unset wait [ echo'.split(
    ' ',
  ),
);
const keywords = new Set('if then elif else do while until ! { } time fi done esac'.split(' '));

interface Reader {
  text: string;
  at: number;
  found: Set<string>;
  functions: Set<string>;
}

/** The names of the programs of a script, sorted; without what the shell itself does and functions of the script. */
export function programsOf(script: string): string[] {
  // What a command reads from the script itself is text.
  script = script.replaceAll(/<<-?'?(\w+)'?([^\n]*\n)[^]*?\n\t*\1(?=\n|$)/g, '$2');
  const reader: Reader = {
    text: script.replaceAll('\\\n', ' '),
    at: 0,
    found: new Set(),
    functions: new Set(),
  };
  commands(reader, '');
  return [...reader.found].filter((word) => !builtins.has(word) && !reader.functions.has(word)).sort();
}

/** Reads commands until `end` (`)` of a substitution, or the end of the text). */
function commands(reader: Reader, end: '' | ')'): void {
  const { text } = reader;
  let first = true;
  let clause: 'word' | 'pattern' | undefined;
  while (reader.at < text.length) {
    const char = text[reader.at] ?? '';
    if (char === ')' && clause === 'pattern') {
      [clause, first] = [undefined, true];
      reader.at++;
    } else if (char === ')' && end === ')') {
      reader.at++;
      return;
    } else if (char === '#' && /(^|\s)$/.test(text.slice(0, reader.at))) {
      reader.at = text.indexOf('\n', reader.at) < 0 ? text.length : text.indexOf('\n', reader.at);
    } else if (/[\s;&|()]/.test(char)) {
      if (text.startsWith(';;', reader.at)) clause = 'pattern';
      if (!/[ \t\r]/.test(char)) first = true;
      reader.at++;
    } else if (/[<>]/.test(char)) {
      reader.at += /^[<>]+&?\s*/.exec(text.slice(reader.at))?.[0].length ?? 1;
      word(reader);
    } else {
      const read = word(reader);
      if (clause === 'pattern') {
        if (read === 'esac') [clause, first] = [undefined, false];
      } else if (clause === 'word') {
        if (read === 'in') clause = 'pattern';
      } else if (!first || /^\d+$/.test(read)) {
        // An argument, or the number of a redirection.
      } else if (read === 'case') clause = 'word';
      else if (read === 'for') first = false;
      else if (/^\w+=/.test(read)) first = true;
      else if (!keywords.has(read)) first = command(reader, read);
    }
  }
}

/** Notes the program of a command. Tells whether another command follows as its arguments. */
function command(reader: Reader, name: string): boolean {
  if (reader.text.startsWith('()', reader.at)) {
    reader.functions.add(name);
    reader.at += 2;
    return true;
  }
  if (/^[$"'*]/.test(name)) return false;
  reader.found.add(name);
  if (name === 'timeout') {
    const [skipped = ''] = /^\s+\S+\s+/.exec(reader.text.slice(reader.at)) ?? [];
    reader.at += skipped.length;
    return true;
  }
  // What a trap runs is a script of its own.
  const trap = name === 'trap' ? /^\s+'([^']*)'/.exec(reader.text.slice(reader.at))?.[1] : undefined;
  if (trap !== undefined) for (const program of programsOf(trap)) reader.found.add(program);
  return name === 'exec';
}

/** Reads a word as it is written; substitutions in it are read as commands. */
function word(reader: Reader): string {
  const { text } = reader;
  const from = reader.at;
  let quoted = false;
  while (reader.at < text.length) {
    const char = text[reader.at] ?? '';
    if (char === '\\') reader.at += 2;
    else if (char === "'" && !quoted) reader.at = text.indexOf("'", reader.at + 1) + 1;
    else if (char === '"') {
      quoted = !quoted;
      reader.at++;
    } else if (text.startsWith('$((', reader.at)) reader.at = text.indexOf('))', reader.at) + 2;
    else if (text.startsWith('$(', reader.at)) {
      reader.at += 2;
      commands(reader, ')');
    } else if (text.startsWith('${', reader.at)) reader.at = text.indexOf('}', reader.at) + 1;
    else if (!quoted && /[\s;&|()<>]/.test(char)) break;
    else reader.at++;
  }
  return text.slice(from, reader.at);
}
