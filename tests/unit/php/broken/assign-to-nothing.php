<?php
$options['a'] = ;
