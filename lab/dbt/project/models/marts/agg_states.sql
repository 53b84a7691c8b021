select state, count(*) as strikes, sum(cost) as cost from {{ ref('fct_strikes') }} group by 1
