/**
 * What the command starts with. A server has the C library overwrite memory that is given back:
 * what Node's parser and sockets leave there nobody else sweeps. The library reads the wish when a
 * process begins, so this one begins once more, under the same id.
 */
const servers = ['serve', 'authority', 'gateway'];
/** The GNU C library's; others ignore it. */
const wish = 'glibc.malloc.perturb';

const tunables = process.env['GLIBC_TUNABLES'];
if (servers.includes(process.argv[2] ?? '') && tunables?.includes(wish) !== true) {
  process.execve?.(
    process.execPath,
    [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    { ...process.env, GLIBC_TUNABLES: [tunables, `${wish}=165`].filter(Boolean).join(':') },
  );
}
await import('./process.ts');
