// Loaded before the program (Pulumi.yaml, nodeargs) and the commands. Plain JavaScript of long ago: it must run where
// nothing else does.
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

// What Node compiles of the SDK is kept beside it: a second start is 0.4 s quicker.
require('module').enableCompileCache(require('path').join(__dirname, '../node_modules/.cache/compiled'));

// Pulumi's SDK maps each of its thousands of traces through source maps, a fifth of a preview's time. Types that are
// stripped leave every line where it was: there is nothing to map.
Object.defineProperty(Error, 'prepareStackTrace', { get: function () {}, set: function () {} });

// Of a resource that failed the SDK says once more that it did, with a trace through itself, which is no answer to a
// person's mistake: the engine has told the cause. Only in the program: elsewhere, an error that nobody handles ends all.
if (/[\\/]@pulumi[\\/]pulumi[\\/]cmd[\\/]run\b/.test(process.argv[1] || ''))
  process.on('unhandledRejection', function (error) {
    if (error instanceof Error && /^resource .* failed to register$/.test(error.message))
      error.stack = error.name + ': ' + error.message;
  });
