/** The roles that a policy can give. */
export const roles: readonly string[] = [
  ...['oncall', 'sre', 'dba', 'data', 'security', 'release', 'owner', 'lead', 'manager'],
];
