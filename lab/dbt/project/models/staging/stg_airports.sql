select distinct airport from {{ source('raw', 'reports') }}
