<?php


$a = "never closed;
