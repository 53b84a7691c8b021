const families = [
  ...['LD_', 'DYLD_', 'BASH_FUNC_', 'GIT_', 'LUA_INIT', 'LUA_PATH', 'LUA_CPATH', 'LESSKEY'],
  ...['R_PROFILE', 'R_ENVIRON', 'ANSIBLE_'],
];
const names = [
  // Where programs are found, and what shells read first.
  ...['PATH', 'IFS', 'SHELL', 'BASH_ENV', 'ENV', 'PROMPT_COMMAND', 'SHELLOPTS', 'PS4', 'ZDOTDIR'],
  // Code that languages load.
  ...['NODE_OPTIONS', 'NODE_PATH', 'PERL5OPT', 'PERL5LIB', 'PERL5DB', 'RUBYOPT', 'RUBYLIB'],
  ...['PYTHONPATH', 'PYTHONSTARTUP', 'PYTHONHOME', 'PYTHONINSPECT', 'PYTHONBREAKPOINT'],
  ...['PYTHONWARNINGS', 'JAVA_TOOL_OPTIONS', '_JAVA_OPTIONS', 'JDK_JAVA_OPTIONS', 'PHPRC'],
  ...['PHP_INI_SCAN_DIR', 'GCONV_PATH', 'OPENSSL_CONF', 'OPENSSL_ENGINES', 'OPENSSL_MODULES'],
  // Programs that other programs start.
  ...['PAGER', 'MANPAGER', 'LESS', 'LESSOPEN', 'LESSCLOSE', 'PSQL_PAGER', 'SYSTEMD_PAGER'],
  ...['EDITOR', 'VISUAL', 'PSQL_EDITOR', 'SYSTEMD_EDITOR', 'KUBE_EDITOR', 'SUDO_EDITOR'],
  ...['BROWSER', 'SSH_ASKPASS', 'SUDO_ASKPASS', 'RSYNC_RSH', 'RSYNC_CONNECT_PROG', 'CVS_RSH'],
  ...['SVN_SSH', 'MAKEFLAGS', 'GNUMAKEFLAGS', 'MAKEFILES', 'TAR_OPTIONS', 'PSQLRC', 'WGETRC'],
  ...['CURL_HOME', 'VIMINIT', 'EXINIT'],
];

/** Variables that make a program run or load other code. */
export const actingVariables = new RegExp(`^(?:${names.join('|')}|(?:${families.join('|')}).*)$`);
