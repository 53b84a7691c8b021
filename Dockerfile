# The image of docker-compose.yml: the built program and what it needs at run time, nothing to build with.
FROM node:22.23.3-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN node scripts/build.mjs && npm prune --omit=dev --no-audit --no-fund

FROM node:22.23.3-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --chmod=0755 deploy/runbook.sh /usr/local/bin/runbook
# A new volume takes the owner of the folder that it covers.
RUN mkdir -p /var/lib/runbook /etc/runbook && chown node:node /var/lib/runbook
USER node
VOLUME /var/lib/runbook
# Of the worker: it stops polling and lets steps end.
STOPSIGNAL SIGTERM
ENTRYPOINT ["runbook"]
CMD ["worker"]
