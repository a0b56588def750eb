<?php
$options['a'] = = 1;
