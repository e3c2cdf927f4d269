// Loaded before the program (Pulumi.yaml, nodeargs). Plain JavaScript of long ago: it must run where nothing else does.
var wanted = [22, 18];
var given = process.versions.node.split('.').map(Number);
if (given[0] < wanted[0] || (given[0] === wanted[0] && given[1] < wanted[1])) {
  process.stderr.write(
    'Taffrail needs Node ' +
      wanted.join('.') +
      ' or newer, and this is ' +
      process.versions.node +
      '. Type:  npm ci && eval "$(npm run -s env)"\n',
  );
  // What `eval` is given must fail in the shell, too.
  if (/env\.ts$/.test(process.argv[1] || '')) process.stdout.write('false\n');
  process.exit(1);
}
