select width_bucket(speed, 0, 400, 8) as band, count(*) as strikes from {{ ref('fct_strikes') }} where speed is not null group by 1
