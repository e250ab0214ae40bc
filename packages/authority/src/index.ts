export {
  type Authority,
  type AuthorityEvent,
  type AuthorityPorts,
  initAuthority,
  openAuthority,
} from './authority.ts';
export { type AuthorityConfig, authorityDefaults } from './config.ts';
