/**
 * What the command starts with. A server has the C library overwrite memory that is given back:
 * what Node's parser and sockets leave there nobody else sweeps. The library reads the wish when a
 * process begins, so this one begins once more, under the same id.
 */
const servers = ['serve', 'authority', 'gateway'];
/** The GNU C library's; others ignore it. */
const wish = 'glibc.malloc.perturb';
/** By this name it begins once more, and never again: a library may take the wish away unheard. */
const begunAs = 'mintmark';

const tunables = process.env['GLIBC_TUNABLES'];
const isWished = tunables?.includes(wish) === true || process.argv0 === begunAs;
if (servers.includes(process.argv[2] ?? '') && !isWished) {
  process.execve?.(process.execPath, [begunAs, ...process.execArgv, ...process.argv.slice(1)], {
    ...process.env,
    GLIBC_TUNABLES: [tunables, `${wish}=165`].filter(Boolean).join(':'),
  });
}
await import('./process.ts');
